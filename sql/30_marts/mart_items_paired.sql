-- one row per (panel, family, axis, replicate, benchmark_id, protocol, two positions whose rows share their items)
-- is_step: the two are consecutive. Differences in percentage points, from the earlier to the later position.
with scores as (
    select * from int_panel_scores
),

item_errors as (
    select * from int_item_errors
),

deltas as (
    select * from mart_deltas
),

alone as (
    select
        panel,
        source_id,
        family,
        axis,
        replicate,
        benchmark_id,
        protocol,
        position,
        min(file_row) as score_row,
        min(model_id) as model_id,
        min(score_se_pct) as score_se_pct,
    from scores
    where position is not null
    group by all
    having count(*) = 1
),

paired as (
    select
        before.panel,
        before.source_id,
        before.family,
        before.axis,
        before.replicate,
        before.benchmark_id,
        before.protocol,
        before.position as position_from,
        after.position as position_to,
        before.model_id as model_from,
        after.model_id as model_to,
        before.score_row as score_row_from,
        after.score_row as score_row_to,
        item_errors.n_common,
        item_errors.is_binary,
        100 * item_errors.total / item_errors.n_common as delta_pct,
        sqrt(item_errors.paired_variance) as paired_se_pct,
        sqrt(before.score_se_pct ** 2 + after.score_se_pct ** 2) as unpaired_se_pct,
        sqrt(item_errors.paired_variance)
        / sqrt(before.score_se_pct ** 2 + after.score_se_pct ** 2) as paired_over_unpaired,
        item_errors.n_gained as n01,
        item_errors.n_lost as n10,
        item_errors.correlation,
    from alone as before
    inner join item_errors
        on
            before.source_id = item_errors.source_id
            and before.score_row = item_errors.row_from
    inner join alone as after
        on
            item_errors.source_id = after.source_id
            and item_errors.row_to = after.score_row
            and before.panel = after.panel
            and before.family = after.family
            and before.axis = after.axis
            and before.replicate = after.replicate
            and before.benchmark_id = after.benchmark_id
            and before.protocol = after.protocol
),

marked as (
    select
        paired.*,
        deltas.panel is not null as is_step,
    from paired
    left join deltas
        on
            paired.panel = deltas.panel
            and paired.source_id = deltas.source_id
            and paired.family = deltas.family
            and paired.axis = deltas.axis
            and paired.replicate = deltas.replicate
            and paired.benchmark_id = deltas.benchmark_id
            and paired.protocol = deltas.protocol
            and paired.position_from = deltas.position_from
            and paired.position_to = deltas.position_to
)

select * from marked
order by panel, family, axis, replicate, benchmark_id, position_from, position_to
