-- one row per benchmark_id: items, chance level and number of scores
with benchmarks as (
    select * from stg_benchmarks
),

counts as (
    select
        benchmark_id,
        count(*) as n_scores,
        count(distinct source_id) as n_sources,
    from int_scores
    group by benchmark_id
),

joined as (
    select
        benchmarks.*,
        coalesce(counts.n_scores, 0) as n_scores,
        coalesce(counts.n_sources, 0) as n_sources,
    from benchmarks
    left join counts
        on benchmarks.benchmark_id = counts.benchmark_id
)

select * from joined
order by benchmark_id
