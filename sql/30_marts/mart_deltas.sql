-- one row per (panel, family, axis, replicate, benchmark_id, protocol, step between consecutive positions)
with scores as (
    select * from int_panel_scores
),

points as (
    select
        panel,
        source_id,
        family,
        axis,
        replicate,
        benchmark_id,
        protocol,
        position,
        string_agg(distinct model_id, ' + ' order by model_id) as models,
        count(*) as n_rows,
        avg(score_pct) as score_pct,
        case when count(score_se_pct) = count(*) then sqrt(avg(score_se_pct * score_se_pct)) end as score_se_pct,
    from scores
    where position is not null
    group by all
),

stepped as (
    select
        *,
        lag(models) over ladder as models_from,
        lag(position) over ladder as position_from,
        lag(n_rows) over ladder as n_rows_from,
        lag(score_pct) over ladder as score_from_pct,
        lag(score_se_pct) over ladder as score_se_from_pct,
    from points
    window ladder as (
        partition by panel, source_id, family, axis, replicate, benchmark_id, protocol
        order by position
    )
),

deltas as (
    select
        panel,
        source_id,
        family,
        axis,
        replicate,
        benchmark_id,
        protocol,
        models_from,
        models as models_to,
        position_from,
        position as position_to,
        sqrt(position_from * position) as position_mid,
        n_rows_from,
        n_rows as n_rows_to,
        score_from_pct,
        score_pct as score_to_pct,
        score_pct - score_from_pct as delta_pct,
        sqrt(score_se_pct * score_se_pct + score_se_from_pct * score_se_from_pct) as delta_se_pct,
        (score_pct - score_from_pct) / log10(position / position_from) as slope_pct_per_decade,
    from stepped
    where position_from is not null
)

select * from deltas
order by panel, family, axis, replicate, benchmark_id, position_from
