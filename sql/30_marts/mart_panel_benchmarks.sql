-- one row per (panel, benchmark_id) with scores
with scores as (
    select * from int_panel_scores
),

counts as (
    select
        panel,
        benchmark_id,
        any_value(benchmark) as benchmark,
        any_value(variant) as variant,
        any_value(benchmark_name) as benchmark_name,
        count(distinct model_id) as n_models,
        count(*) as n_scores,
        min(score_pct) as min_score_pct,
        max(score_pct) as max_score_pct,
        count(*) filter (where is_near_chance) as n_near_chance,
    from scores
    group by panel, benchmark_id
)

select * from counts
order by panel, n_models desc, benchmark_id
