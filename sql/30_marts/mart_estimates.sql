-- one row per (diagnostic, panel, symbol, label): estimates at default parameters
with estimates as (
    select * from stg_estimates
),

lake as (
    select * from raw_lake
),

joined as (
    select
        estimates.*,
        estimates.from_lake_version != lake.lake_version as is_stale,
    from estimates
    cross join lake
)

select * from joined
order by diagnostic, panel, symbol, label
