-- one row per delivered score and benchmark_id: percent, standard error and protocol resolved
-- A paper-mode source delivers its TruthfulQA column twice: once under its variant and once as printed.
with scores as (
    select * from stg_scores
),

benchmarks as (
    select * from stg_benchmarks
),

sources as (
    select * from stg_sources
),

as_delivered as (
    select
        *,
        benchmark || coalesce('_' || variant, '') as benchmark_id,
    from scores
),

as_printed as (
    select
        as_delivered.* exclude (benchmark_id),
        'truthfulqa_as_printed' as benchmark_id,
    from as_delivered
    inner join sources
        on as_delivered.source_id = sources.source_id
    where sources.is_paper_mode and as_delivered.benchmark = 'truthfulqa'
),

unioned as (
    select * from as_delivered
    union all by name
    select * from as_printed
),

measured as (
    select
        unioned.* exclude (variant, n_items, delivered_se_pct),
        benchmarks.variant,
        benchmarks.benchmark_name,
        benchmarks.chance_pct,
        coalesce(unioned.n_items, benchmarks.n_items) as n_items,
        case
            when unioned.delivered_se_pct is not null then unioned.delivered_se_pct
            when unioned.score_pct > 0 and unioned.score_pct < 100
                then 100 * sqrt(
                    unioned.score_pct / 100 * (1 - unioned.score_pct / 100)
                    / coalesce(unioned.n_items, benchmarks.n_items)
                )
        end as score_se_pct,
        case
            when unioned.delivered_se_pct is not null then 'delivered'
            when coalesce(unioned.n_items, benchmarks.n_items) is null then 'none: number of items unknown'
            when unioned.score_pct <= 0 or unioned.score_pct >= 100 then 'none: score at 0 or 100'
            else 'binomial'
        end as se_method,
        concat_ws(
            ' ',
            coalesce(unioned.n_shot::varchar || '-shot', 'shots not stated'),
            unioned.metric,
            unioned.harness,
            unioned.harness_version,
            unioned.task_version
        ) as protocol,
    from unioned
    inner join benchmarks
        on unioned.benchmark_id = benchmarks.benchmark_id
),

flagged as (
    select
        *,
        coalesce(abs(score_pct - chance_pct) <= 2 * score_se_pct, false) as is_near_chance,
    from measured
)

select * from flagged
