-- one row per panel named in lake/panels.csv
with source as (
    select * from raw_panels
),

renamed as (
    select
        panel,
        source_id,
        label,
        description,
        default_x,
        default_y,
        uses_printed_truthfulqa = '1' as is_printed_truthfulqa,
        uses_panel_families = '1' as is_panel_families,
    from source
)

select * from renamed
