-- one row per (source_id, model_id, probe, layer)
with source as (
    select * from raw_probes
),

renamed as (
    select
        source_id,
        source_file,
        file_row,
        model_id,
        probe,
        notes,
        cast(layer as bigint) as layer,
        cast(value as double) as value,
        cast(n_prompts as bigint) as n_prompts,
    from source
)

select * from renamed
