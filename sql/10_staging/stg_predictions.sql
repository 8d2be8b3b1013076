-- one row per prediction_id
with source as (
    select * from raw_predictions
),

renamed as (
    select
        source_id,
        prediction_id,
        statement,
        deadline,
        pass_criterion,
        fail_criterion,
        origin,
    from source
)

select * from renamed
