-- offenders: probe outputs measured here without model, instrument, probe, unit, prompts or configuration
with rows as (
    select * from stg_probe_shards
)

select
    source_id || '/' || source_file || ', row ' || file_row as place,
    'model_id, instrument, probe, unit, n_prompts, prompts_set, prompts_hash and config_hash are all needed'
        as description,
from rows
where
    coalesce(trim(model_id), '') = ''
    or coalesce(trim(instrument), '') = ''
    or coalesce(trim(probe), '') = ''
    or coalesce(trim(unit), '') = ''
    or coalesce(trim(prompts_set), '') = ''
    or coalesce(trim(prompts_hash), '') = ''
    or coalesce(trim(config_hash), '') = ''
    or coalesce(n_prompts, 0) < 1
order by place
