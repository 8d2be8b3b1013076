-- one row per delivered score of a frontier model: (source_id, source_file, file_row, benchmark_id), rivals ranked
-- known_at is the day from which a row counts: its own retrieved_at, else the date of its source. A month or a year
-- without a day counts from its last day, so that nothing is seen before it can have been known.
with ranked as (
    select * from int_score_precedence
),

scores as (
    select * from int_scores
),

models as (
    select * from int_models
    where kind = 'frontier'
),

sources as (
    select * from stg_sources
),

panels as (
    select * from int_panels
    where panel = 'frontier'
),

joined as (
    select
        scores.model_id,
        models.display_name,
        models.lab,
        models.release_date,
        models.quality_flags as model_flags,
        scores.benchmark_id,
        scores.score_pct,
        scores.score_se_pct,
        scores.se_method,
        scores.is_self_reported,
        scores.source_id,
        scores.source_file,
        scores.file_row,
        coalesce(scores.source_url, sources.url) as source_url,
        sources.is_local,
        panels.panel is not null as is_panel_row,
        ranked.precedence,
        coalesce(scores.retrieved_at, sources.as_of_date) as dated,
        count(*) over (partition by scores.model_id, scores.benchmark_id) as n_values,
    from scores
    inner join models
        on scores.model_id = models.model_id
    inner join sources
        on scores.source_id = sources.source_id
    inner join ranked
        on
            scores.source_id = ranked.source_id
            and scores.source_file = ranked.source_file
            and scores.file_row = ranked.file_row
            and scores.benchmark_id = ranked.benchmark_id
    left join panels
        on scores.source_id = panels.source_id
),

dated as (
    select
        * exclude (dated),
        case length(dated)
            when 4 then try_cast(dated || '-12-31' as date)
            when 7 then last_day(try_cast(dated || '-01' as date))
            else try_cast(dated as date)
        end as known_at,
    from joined
)

select * from dated
order by model_id, benchmark_id, precedence
