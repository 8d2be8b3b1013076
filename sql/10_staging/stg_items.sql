-- one row per delivered item: (source_id, model_id, revision, benchmark, variant, metric, item_id)
with source as (
    select * from raw_items
),

renamed as (
    select
        source_id,
        model_id,
        revision,
        benchmark,
        variant,
        metric,
        item_id,
        category,
        value,
    from source
)

select * from renamed
