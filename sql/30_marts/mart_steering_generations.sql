-- one row per (model_id, arm, prompt_id): one text before and after an intervention
with rows as (
    select * from stg_steering_generations
)

select * from rows
order by model_id, arm, prompt_id
