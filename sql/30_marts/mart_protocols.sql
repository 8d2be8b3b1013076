-- one row per (panel, benchmark_id, protocol, se_method): how the scores of a panel were measured, and how many
with scores as (
    select * from int_panel_scores
),

counts as (
    select
        panel,
        benchmark_id,
        protocol,
        se_method,
        count(distinct model_id) as n_models,
        count(*) as n_scores,
        min(score_pct) as min_score_pct,
        max(score_pct) as max_score_pct,
        count(*) filter (where is_near_chance) as n_near_chance,
        count(*) filter (where position is null) as n_without_place,
        string_agg(distinct quality_flags, '; ' order by quality_flags) as quality_flags,
    from scores
    group by panel, benchmark_id, protocol, se_method
)

select * from counts
order by panel, benchmark_id, protocol, se_method
