-- one row per (frontier model, benchmark_id, delivered score): its source, release, day and rank among rivals
-- known_at is the day from which a row counts: its own retrieved_at, else the date of its source. A month or a year
-- without a day counts from its last day, so that nothing is seen before it can have been known.
with scores as (
    select * from int_scores
    where benchmark_id != 'truthfulqa_as_printed'
),

releases as (
    select * from int_releases
),

models as (
    select
        model_id,
        quality_flags,
    from int_models
),

sources as (
    select * from stg_sources
),

precedence as (
    select * from int_score_precedence
),

panels as (
    select * from int_panels
    where panel = 'frontier'
),

joined as (
    select
        scores.source_id,
        sources.is_local,
        panels.panel is not null as is_panel_row,
        scores.model_id,
        releases.display_name,
        releases.release_name,
        releases.lab,
        releases.release_date,
        releases.date_precision,
        releases.version,
        releases.tier,
        releases.compute_tier,
        models.quality_flags as model_flags,
        nullif(regexp_extract(scores.notes, 'subset=([^;]+)', 1), '') as subset,
        scores.benchmark_id,
        scores.score_pct,
        scores.score_se_pct,
        scores.se_method,
        scores.is_self_reported,
        scores.quality_flags,
        scores.protocol,
        precedence.precedence,
        scores.source_file,
        scores.file_row,
        coalesce(scores.source_url, sources.url) as source_url,
        coalesce(scores.retrieved_at, sources.as_of_date) as dated,
        count(*) over (partition by scores.model_id, scores.benchmark_id) as n_values,
    from scores
    inner join releases
        on scores.model_id = releases.model_id
    inner join models
        on scores.model_id = models.model_id
    inner join sources
        on scores.source_id = sources.source_id
    inner join precedence
        on
            scores.model_id = precedence.model_id
            and scores.benchmark_id = precedence.benchmark_id
            and scores.source_id = precedence.source_id
            and scores.source_file = precedence.source_file
            and scores.file_row = precedence.file_row
    left join panels
        on scores.source_id = panels.source_id
),

known as (
    select
        * exclude (dated),
        case length(dated)
            when 4 then try_cast(dated || '-12-31' as date)
            when 7 then last_day(try_cast(dated || '-01' as date))
            else try_cast(dated as date)
        end as known_at,
    from joined
)

select * from known
order by lab, release_date, model_id, benchmark_id, precedence
