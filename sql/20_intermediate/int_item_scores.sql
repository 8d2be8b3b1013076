-- one row per set of items: (source_id, model_id, revision, benchmark, variant, metric)
-- materialized in parts
with items as (
    select * from stg_items
),

parts as (
    select * from raw_held_parts
),

held as (
    select raw_held_item_scores.*
    from raw_held_item_scores
    cross join parts
    where parts.part = 0
),

chosen as (
    select items.*
    from items
    cross join parts
    where hash(items.model_id, items.benchmark) % parts.n_parts = parts.part
),

counted as (
    select
        source_id,
        model_id,
        revision,
        benchmark,
        variant,
        metric,
        count(*) as n_rows,
        count(distinct hash(item_id)) as n_items,
        count(*) filter (where value is null or isnan(value) or value < 0 or value > 1) as n_outside,
        count(*) filter (where coalesce(trim(item_id), '') = '') as n_unnamed,
        100 * avg(value) as item_mean_pct,
        coalesce(bool_and(value in (0, 1)), false) as is_binary,
    from chosen
    group by all
),

unioned as (
    select * from held
    union all by name
    select * from counted
)

select * from unioned
