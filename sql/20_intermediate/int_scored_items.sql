-- one row per delivered score that has items: (source_id, file_row)
-- Items are used where one score alone matches them and their mean is the score, 0.1 points being lost in print.
-- materialized
with item_scores as (
    select * from int_item_scores
),

scores as (
    select * from stg_scores
),

matched as (
    select
        item_scores.source_id,
        scores.file_row,
        item_scores.model_id,
        item_scores.revision,
        item_scores.benchmark,
        item_scores.variant,
        item_scores.metric,
        item_scores.n_items,
        item_scores.item_mean_pct,
        item_scores.is_binary,
        scores.score_pct,
        count(*) over (
            partition by
                item_scores.source_id, item_scores.model_id, item_scores.revision,
                item_scores.benchmark, item_scores.variant, item_scores.metric
        ) as n_scores,
    from item_scores
    left join scores
        on
            item_scores.source_id = scores.source_id
            and item_scores.model_id = scores.model_id
            and item_scores.benchmark = scores.benchmark
            and item_scores.revision is not distinct from scores.revision
            and item_scores.variant is not distinct from scores.variant
            and item_scores.metric is not distinct from scores.metric
),

flagged as (
    select
        *,
        case
            when file_row is null then 'no score of the same model, revision, benchmark, variant and metric'
            when n_scores > 1 then 'several scores match these items'
            when abs(item_mean_pct - score_pct) > 0.1 then 'the mean of the items contradicts the score'
        end as item_flag,
    from matched
)

select * from flagged
