-- one row per benchmark_id, which is (benchmark, variant)
with source as (
    select * from raw_benchmarks
),

renamed as (
    select
        benchmark || coalesce('_' || variant, '') as benchmark_id,
        benchmark,
        variant,
        name as benchmark_name,
        metric,
        source as benchmark_source,
        notes,
        cast(n_items as bigint) as n_items,
        cast(chance_pct as double) as chance_pct,
    from source
)

select * from renamed
