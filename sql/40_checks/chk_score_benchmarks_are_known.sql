-- offenders: scores of a benchmark that lake/benchmarks.csv does not hold
with scores as (
    select * from stg_scores
),

benchmarks as (
    select * from stg_benchmarks
)

select
    scores.source_id || '/' || scores.source_file || ', row ' || scores.file_row as place,
    scores.benchmark || ' ' || coalesce(scores.variant, '') || ' is not in lake/benchmarks.csv' as description,
from scores
left join benchmarks
    on
        scores.benchmark = benchmarks.benchmark
        and scores.variant is not distinct from benchmarks.variant
where benchmarks.benchmark_id is null
order by place
