-- one row per (frontier model, benchmark_id, delivered score): its source, release and rank among rivals
with scores as (
    select * from int_scores
    where benchmark_id != 'truthfulqa_as_printed'
),

releases as (
    select * from int_releases
),

sources as (
    select * from stg_sources
),

precedence as (
    select * from int_score_precedence
),

joined as (
    select
        scores.source_id,
        sources.is_local,
        scores.model_id,
        releases.display_name,
        releases.release_name,
        releases.lab,
        releases.release_date,
        releases.date_precision,
        releases.version,
        releases.tier,
        releases.compute_tier,
        nullif(regexp_extract(scores.notes, 'subset=([^;]+)', 1), '') as subset,
        scores.benchmark_id,
        scores.score_pct,
        scores.score_se_pct,
        scores.is_self_reported,
        scores.quality_flags,
        scores.protocol,
        precedence.precedence,
        scores.source_file,
        scores.file_row,
    from scores
    inner join releases
        on scores.model_id = releases.model_id
    inner join sources
        on scores.source_id = sources.source_id
    inner join precedence
        on
            scores.model_id = precedence.model_id
            and scores.benchmark_id = precedence.benchmark_id
            and scores.source_id = precedence.source_id
            and scores.source_file = precedence.source_file
            and scores.file_row = precedence.file_row
)

select * from joined
order by lab, release_date, model_id, benchmark_id, precedence
