-- one row per (source_id, row_from, row_to, category) of two scores of one ladder with common items; category null: all
-- Sums of the differences value_to - value_from over common items. Pairs at most 31 positions apart. Between
-- neighbours, up to five items that turned right (gained_items) and wrong (lost_items) by name.
-- materialized in parts
with scored as (
    select
        source_id,
        file_row,
        is_binary,
        hash(source_id, model_id, revision, benchmark, variant, metric) as set_key,
    from int_scored_items
    where item_flag is null
),

scores as (
    select * from int_panel_scores
),

items as (
    select * from stg_items
),

parts as (
    select * from raw_held_parts
),

held as (
    select raw_held_item_pairs.*
    from raw_held_item_pairs
    cross join parts
    where parts.part = 0
),

placed as (
    select distinct
        scores.panel,
        scores.source_id,
        scores.family,
        scores.axis,
        scores.replicate,
        scores.benchmark_id,
        scores.protocol,
        scores.position,
        scores.file_row,
        scored.is_binary,
    from scores
    inner join scored
        on
            scores.source_id = scored.source_id
            and scores.file_row = scored.file_row
    where scores.position is not null
),

ranked as (
    select
        source_id,
        file_row,
        is_binary,
        hash(panel, source_id, family, axis, replicate, benchmark_id, protocol) as ladder_key,
        dense_rank() over (
            partition by panel, source_id, family, axis, replicate, benchmark_id, protocol
            order by position
        ) as place,
    from placed
),

ladder_rows as (
    select
        ranked.*,
        scored.set_key,
    from ranked
    inner join scored
        on
            ranked.source_id = scored.source_id
            and ranked.file_row = scored.file_row
    cross join parts
    where ranked.ladder_key % parts.n_parts = parts.part
),

numbered as (
    select
        ladder_rows.source_id,
        ladder_rows.ladder_key,
        ladder_rows.place,
        ladder_rows.file_row,
        ladder_rows.is_binary,
        items.category,
        items.value,
        items.item_id,
        hash(items.item_id) as item_key,
    from items
    inner join ladder_rows
        on
            hash(items.source_id, items.model_id, items.revision, items.benchmark, items.variant, items.metric)
            = ladder_rows.set_key
),

by_category as (
    select
        before.source_id,
        before.ladder_key,
        before.file_row as row_from,
        after.file_row as row_to,
        coalesce(after.category, before.category) as category,
        before.is_binary and after.is_binary as is_binary,
        count(*) as n_common,
        sum(before.value) as sum_from,
        sum(after.value) as sum_to,
        sum(before.value * before.value) as squares_from,
        sum(after.value * after.value) as squares_to,
        sum(before.value * after.value) as products,
        min(after.item_id, 5) filter (
            where after.place = before.place + 1 and before.value = 0 and after.value = 1
        ) as gained_items,
        min(after.item_id, 5) filter (
            where after.place = before.place + 1 and before.value = 1 and after.value = 0
        ) as lost_items,
    from numbered as before
    inner join numbered as after
        on
            before.ladder_key = after.ladder_key
            and before.item_key = after.item_key
            and after.place - before.place between 1 and 31
    group by all
),

rolled as (
    select
        source_id,
        row_from,
        row_to,
        category,
        is_binary,
        grouping(category) = 1 as is_whole,
        sum(n_common)::bigint as n_common,
        sum(sum_from) as sum_from,
        sum(sum_to) as sum_to,
        sum(squares_from) as squares_from,
        sum(squares_to) as squares_to,
        sum(products) as products,
        array_to_string(
            list_sort(flatten(list(gained_items) filter (where gained_items is not null)))[1:5], ', '
        ) as gained_items,
        array_to_string(
            list_sort(flatten(list(lost_items) filter (where lost_items is not null)))[1:5], ', '
        ) as lost_items,
    from by_category
    group by grouping sets (
        (source_id, ladder_key, row_from, row_to, is_binary),
        (source_id, ladder_key, row_from, row_to, is_binary, category)
    )
),

measured as (
    select distinct
        source_id,
        row_from,
        row_to,
        category,
        is_whole,
        n_common,
        100 * sum_from / n_common as mean_from_pct,
        100 * sum_to / n_common as mean_to_pct,
        sum_to - sum_from as total,
        greatest(squares_from + squares_to - 2 * products, 0) as total_of_squares,
        case when is_binary then round(sum_to - products)::bigint end as n_gained,
        case when is_binary then round(sum_from - products)::bigint end as n_lost,
        case
            when
                n_common * squares_from - sum_from * sum_from > 1e-9 * n_common * squares_from
                and n_common * squares_to - sum_to * sum_to > 1e-9 * n_common * squares_to
                then
                    (n_common * products - sum_from * sum_to)
                    / sqrt(n_common * squares_from - sum_from * sum_from)
                    / sqrt(n_common * squares_to - sum_to * sum_to)
        end as correlation,
        nullif(gained_items, '') as gained_items,
        nullif(lost_items, '') as lost_items,
    from rolled
    where is_whole or category is not null
),

unioned as (
    select * from held
    union all by name
    select * from measured
)

select * from unioned
