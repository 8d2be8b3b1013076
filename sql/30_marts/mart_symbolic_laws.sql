-- one row per (panel, x, y, target, inputs, seed, fold, complexity): laws found; fold is null where no family was left out
with laws as (
    select * from stg_symbolic_laws
),

lake as (
    select * from raw_lake
),

joined as (
    select
        laws.*,
        laws.from_lake_version != lake.lake_version as is_stale,
    from laws
    cross join lake
)

select * from joined
order by panel, x, y, target, inputs, fold nulls first, seed, complexity
