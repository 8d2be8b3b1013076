-- offenders: probe outputs that are not finite, or whose interval does not hold its value
with rows as (
    select * from stg_probe_shards
    union all by name
    select * from stg_probes
)

select
    source_id || '/' || source_file || ', row ' || file_row as place,
    probe || ' of ' || model_id || ' is ' || coalesce(value::varchar, 'empty') || ', interval '
    || coalesce(low::varchar, 'open') || ' to ' || coalesce(high::varchar, 'open') as description,
from rows
where
    not isfinite(coalesce(value, 0))
    or not isfinite(coalesce(low, 0))
    or not isfinite(coalesce(high, 0))
    or low > high
order by place
