-- one row per (model_id, benchmark_id, source) where sources give different values for one model and benchmark
-- TruthfulQA as printed is set beside the MC2 of sources that name their variant; a value whose variant its
-- source does not say meets nothing else.
with precedence as (
    select * from int_score_precedence
),

sources as (
    select * from stg_sources
),

named_variant as (
    select
        precedence.* exclude (benchmark_id),
        'truthfulqa_as_printed' as benchmark_id,
    from precedence
    inner join sources
        on precedence.source_id = sources.source_id
    where precedence.benchmark_id = 'truthfulqa_mc2' and not sources.is_paper_mode
),

ranked as (
    select * from precedence
    where benchmark_id not in ('truthfulqa_unspecified')
    union all by name
    select * from named_variant
),

spread as (
    select
        *,
        count(*) over rivals as n_values,
        max(score_pct) over rivals - min(score_pct) over rivals as spread_pct,
        first_value(source_id) over (rivals order by source_rank, precedence) as resolved_source_id,
        first_value(score_pct) over (rivals order by source_rank, precedence) as resolved_pct,
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
