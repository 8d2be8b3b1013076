-- one row per set of items (source_id, model_id, revision, benchmark, variant, metric) and score that it matches
-- item_flag: why the items are not used for paired standard errors, null where they are.
with item_scores as (
    select * from int_scored_items
)

select * from item_scores
order by source_id, model_id, benchmark, variant, metric, file_row
