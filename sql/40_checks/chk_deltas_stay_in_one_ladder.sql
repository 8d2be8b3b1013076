-- offenders: steps that join different sizes in the wrong order or carry an impossible error
with deltas as (
    select * from mart_deltas
)

select
    panel || ' ' || family || ' ' || benchmark_id as place,
    models_from || ' to ' || models_to || ' steps from ' || position_from || ' to ' || position_to as description,
from deltas
where position_to <= position_from or position_from <= 0 or delta_se_pct < 0
order by place
