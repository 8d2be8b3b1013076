-- offenders: items of a model that no source describes, or of a benchmark that lake/benchmarks.csv does not hold
with item_scores as (
    select * from int_item_scores
),

models as (
    select * from int_models
),

benchmarks as (
    select * from stg_benchmarks
)

select
    item_scores.source_id || '/items' as place,
    case
        when item_scores.model_id is null then 'an item has no model_id'
        when models.model_id is null then 'items: model_id ' || item_scores.model_id || ' is in no models.csv'
        else concat_ws(' ', 'items:', item_scores.benchmark, item_scores.variant, 'is not in lake/benchmarks.csv')
    end as description,
from item_scores
left join models
    on item_scores.model_id = models.model_id
left join benchmarks
    on
        item_scores.benchmark = benchmarks.benchmark
        and item_scores.variant is not distinct from benchmarks.variant
where models.model_id is null or benchmarks.benchmark_id is null
order by place, description
