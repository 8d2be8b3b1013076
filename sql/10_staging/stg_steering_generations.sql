-- one row per (model_id, arm, prompt_id): one text before and after an intervention
with source as (
    select * from raw_computed_organism_steering_generations
),

renamed as (
    select
        model_id,
        revision,
        arm,
        prompt_id,
        prompt,
        before,
        after,
        is_changed,
        is_true,
    from source
)

select * from renamed
