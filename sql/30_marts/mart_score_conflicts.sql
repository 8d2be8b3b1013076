-- one row per (model_id, benchmark_id, source) where sources give different values for one model and benchmark
with ranked as (
    select * from int_score_precedence
),

spread as (
    select
        *,
        count(*) over rivals as n_values,
        max(score_pct) over rivals - min(score_pct) over rivals as spread_pct,
        first_value(source_id) over (rivals order by precedence) as resolved_source_id,
        first_value(score_pct) over (rivals order by precedence) as resolved_pct,
    from ranked
    window rivals as (partition by model_id, benchmark_id)
),

conflicts as (
    select
        model_id,
        benchmark_id,
        source_id,
        protocol,
        score_pct,
        score_se_pct,
        precedence,
        n_values,
        spread_pct,
        resolved_source_id,
        resolved_pct,
        score_pct - resolved_pct as difference_pct,
        (score_pct - resolved_pct) / nullif(score_se_pct * sqrt(2), 0) as difference_in_se,
        source_file,
        file_row,
    from spread
    where n_values > 1 and spread_pct > 0.005
)

select * from conflicts
order by spread_pct desc, model_id, benchmark_id, precedence
