-- one row per (source_id, model_id) that a source files under a family other than the model's own
with source as (
    select * from raw_panel_families
),

renamed as (
    select
        source_id,
        model_id,
        panel_family,
    from source
)

select * from renamed
