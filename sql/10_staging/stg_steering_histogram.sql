-- one row per (model_id, arm, low): test questions whose score one intervention moved by as much
with source as (
    select * from raw_computed_organism_steering_histogram
),

renamed as (
    select
        model_id,
        revision,
        arm,
        low,
        high,
        n_questions,
    from source
)

select * from renamed
