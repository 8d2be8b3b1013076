-- offenders: scores that look like fractions among percentages, on benchmarks where chance is well above 1 percent
with scores as (
    select * from stg_scores
),

benchmarks as (
    select * from stg_benchmarks
),

spread as (
    select
        scores.*,
        max(scores.score_pct) over (partition by scores.source_id, scores.benchmark, scores.variant) as largest_pct,
    from scores
    inner join benchmarks
        on
            scores.benchmark = benchmarks.benchmark
            and scores.variant is not distinct from benchmarks.variant
    where
        scores.unit = 'percent'
        and benchmarks.chance_pct >= 5
)

select
    source_id || '/' || source_file || ', row ' || file_row as place,
    model_id || ' ' || benchmark || ' is ' || score_pct || ' beside ' || largest_pct as description,
from spread
where
    score_pct > 0
    and score_pct < 1
    and largest_pct > 1.5
    and not list_contains(string_split(coalesce(quality_flags, ''), ';'), 'below_one_percent')
order by place
