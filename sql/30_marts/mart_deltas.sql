-- one row per (panel, family, axis, replicate, benchmark_id, protocol, step between consecutive positions)
-- stderr_method: from paired items where both rows have the same items, else from the standard errors of the scores.
with scores as (
    select * from int_panel_scores
),

item_errors as (
    select * from int_item_errors
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
        case when count(*) = 1 then min(file_row) end as score_row,
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
        lag(score_row) over ladder as score_row_from,
    from points
    window ladder as (
        partition by panel, source_id, family, axis, replicate, benchmark_id, protocol
        order by position
    )
),

deltas as (
    select
        stepped.panel,
        stepped.source_id,
        stepped.family,
        stepped.axis,
        stepped.replicate,
        stepped.benchmark_id,
        stepped.protocol,
        stepped.models_from,
        stepped.models as models_to,
        stepped.position_from,
        stepped.position as position_to,
        sqrt(stepped.position_from * stepped.position) as position_mid,
        stepped.n_rows_from,
        stepped.n_rows as n_rows_to,
        stepped.score_row_from,
        stepped.score_row as score_row_to,
        stepped.score_from_pct,
        stepped.score_pct as score_to_pct,
        stepped.score_pct - stepped.score_from_pct as delta_pct,
        coalesce(
            sqrt(item_errors.paired_variance),
            sqrt(stepped.score_se_pct ** 2 + stepped.score_se_from_pct ** 2)
        ) as delta_se_pct,
        sqrt(stepped.score_se_pct ** 2 + stepped.score_se_from_pct ** 2) as delta_se_unpaired_pct,
        if(item_errors.paired_variance is null, 'scores', 'paired items') as stderr_method,
        (stepped.score_pct - stepped.score_from_pct)
        / log10(stepped.position / stepped.position_from) as slope_pct_per_decade,
    from stepped
    left join item_errors
        on
            stepped.source_id = item_errors.source_id
            and stepped.score_row_from = item_errors.row_from
            and stepped.score_row = item_errors.row_to
    where stepped.position_from is not null
)

select * from deltas
order by panel, family, axis, replicate, benchmark_id, position_from
