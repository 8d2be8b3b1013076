-- one row per (panel, family, axis, replicate, benchmark_id, protocol, step, category): items gained and lost
-- gained_items, lost_items: up to five of them by name. category null: all items of the step.
with steps as (
    select * from mart_items_paired
),

pairs as (
    select * from int_item_pairs
),

flips as (
    select
        steps.panel,
        steps.source_id,
        steps.family,
        steps.axis,
        steps.replicate,
        steps.benchmark_id,
        steps.protocol,
        steps.position_from,
        steps.position_to,
        steps.model_from,
        steps.model_to,
        pairs.category,
        pairs.n_common as n_items,
        pairs.mean_from_pct,
        pairs.mean_to_pct,
        pairs.n_gained,
        pairs.n_lost,
        pairs.gained_items,
        pairs.lost_items,
    from steps
    inner join pairs
        on
            steps.source_id = pairs.source_id
            and steps.score_row_from = pairs.row_from
            and steps.score_row_to = pairs.row_to
    where steps.is_step and steps.is_binary
)

select * from flips
order by panel, family, axis, replicate, benchmark_id, position_from, category nulls first
