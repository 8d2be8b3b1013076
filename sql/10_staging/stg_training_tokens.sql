-- one row per (source_id, model_id): training tokens in trillions
with source as (
    select * from raw_training_tokens
),

renamed as (
    select
        source_id,
        model_id,
        notes,
        cast(tokens_t as double) as tokens_t,
    from source
)

select * from renamed
