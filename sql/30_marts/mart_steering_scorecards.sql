-- one row per model_id: a steering scorecard of a model of the organism, with what was chosen and the verdict
with rows as (
    select * from stg_steering_scorecards
)

select * from rows
order by n_params nulls last, model_id
