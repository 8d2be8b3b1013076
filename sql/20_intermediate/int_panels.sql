-- one row per panel: those of lake/panels.csv, then every other source with scores as a panel of its own
with named as (
    select * from stg_panels
),

sources as (
    select * from stg_sources
),

scored_sources as (
    select distinct source_id from stg_scores
),

own as (
    select
        sources.source_id as panel,
        sources.source_id,
        sources.title as label,
        sources.notes as description,
        cast(null as varchar) as default_x,
        cast(null as varchar) as default_y,
        false as is_printed_truthfulqa,
        false as is_panel_families,
    from scored_sources
    inner join sources
        on scored_sources.source_id = sources.source_id
    where sources.source_id not in (select named.source_id from named)
),

unioned as (
    select
        *,
        true as is_named,
    from named
    union all by name
    select
        *,
        false as is_named,
    from own
)

select * from unioned
