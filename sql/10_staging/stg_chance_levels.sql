-- one row per (source_id, benchmark, variant): measured chance level
with source as (
    select * from raw_chance_levels
),

renamed as (
    select
        source_id,
        benchmark,
        variant,
        cast(chance as double) as chance_pct,
    from source
)

select * from renamed
