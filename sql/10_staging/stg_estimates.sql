-- one row per (diagnostic, panel, symbol, label): default-parameter estimates stored by scripts/recompute_claims.py
with source as (
    select * from raw_computed_estimates
),

renamed as (
    select
        diagnostic,
        panel,
        params,
        symbol,
        label,
        value,
        low,
        high,
        n,
        unit,
        method,
        caveats,
        from_lake_version,
    from source
)

select * from renamed
