-- one row per (source_id, model_id, quantity)
with source as (
    select * from raw_gradients
),

renamed as (
    select
        source_id,
        source_file,
        file_row,
        model_id,
        quantity,
        notes,
        cast(value as double) as value,
    from source
)

select * from renamed
