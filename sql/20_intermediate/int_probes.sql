-- one row per number of a probe, recorded by an author or measured here: instrument, prompts and unit always stated
-- materialized
with recorded as (
    select * from stg_probes
),

shards as (
    select * from stg_probe_shards
),

sources as (
    select * from stg_sources
),

-- A note on any row of a model speaks for all its rows of the same source: the authors note an instrument once.
told as (
    select
        recorded.*,
        sources.notes as source_notes,
        sources.title || ' ' || coalesce(sources.notes, '') as source_says,
        coalesce(
            bool_or(recorded.notes ilike '%TransformerLens attention%') over (
                partition by
                    recorded.source_id,
                    recorded.model_id
            ),
            false
        ) as says_attention,
    from recorded
    inner join sources
        on recorded.source_id = sources.source_id
),

-- The rule of the instrument: first what the row, its probe's name or its model's notes say, then what the source
-- says of all its rows, then what paper A.5 says of a per-layer coupling; where nothing is said, "not stated".
ruled as (
    select
        *,
        case
            when probe like 'organism\_%' escape '\' then 'multiple choice answers'
            when probe = 'gamma12' then 'not stated'
            when says_attention or starts_with(probe, 'tl_attn_') then 'attention patterns'
            when starts_with(probe, 'proj_hidden') then 'hidden states'
            when starts_with(probe, 'proj_output') then 'output projection'
            when starts_with(probe, 'proj_wide') then 'gelu of hidden states'
            when starts_with(probe, 'proj_pca') then 'principal components of hidden states'
            when starts_with(probe, 'hidden_coupling') or probe = 'd_rep' then 'hidden states'
            when probe in ('early_layer_coupling', 'late_layer_coupling') then 'hidden states'
            when source_says ilike '%attention-pattern%' then 'attention patterns'
            when source_says ilike '%per-head hidden-unit%' then 'hidden units by head'
            else 'not stated'
        end as instrument,
        case
            when n_prompts is not null and source_notes ilike '%prompts%' then 'contrast prompts of ' || source_id
            when n_prompts is not null then 'questions of ' || source_id
            when probe in ('early_layer_coupling', 'late_layer_coupling') then 'contrast prompts of paper A.5'
            else 'not stated'
        end as prompts_set,
        case
            when probe like 'organism\_%' escape '\' then 'percent of questions'
            when probe like '%\_units' escape '\' then 'heads'
            when starts_with(probe, 'unit_coupling_hist') then 'heads'
            when probe like '%\_frac' escape '\' and starts_with(probe, 'proj_') then 'share of prompt pairs'
            when probe like '%\_frac' escape '\' then 'share of heads'
            when probe = 'd_rep' then 'dimensions'
            when probe = 'gamma12' then 'pp/pp'
            else 'cosine'
        end as unit,
        case
            when probe like 'early\_%' escape '\' or probe like '%\_early\_%' escape '\' then 'early layers'
            when probe like 'mid\_%' escape '\' or probe like '%\_mid\_%' escape '\' then 'middle layers'
            when probe like 'late\_%' escape '\' or probe like '%\_late\_%' escape '\' then 'late layers'
            when starts_with(probe, 'last_layer') or starts_with(probe, 'proj_') then 'last layer'
            when layer is not null then 'one layer'
            else 'whole model'
        end as layers,
        case when notes ilike '%last token%' then 'last token' end as position,
    from told
),

recorded_rows as (
    select
        source_id,
        source_file,
        file_row,
        'recorded' as origin,
        model_id,
        cast(null as varchar) as revision,
        instrument,
        cast(null as varchar) as backend,
        probe,
        layers,
        layer,
        cast(null as bigint) as head,
        cast(null as varchar) as prompt_id,
        value,
        cast(null as double) as low,
        cast(null as double) as high,
        unit,
        n_prompts,
        prompts_set,
        cast(null as varchar) as prompts_hash,
        position,
        cast(null as varchar) as dtype,
        cast(null as varchar) as device,
        cast(null as varchar) as config_hash,
        cast(null as varchar) as versions,
        notes,
    from ruled
),

shard_rows as (
    select
        source_id,
        source_file,
        file_row,
        'measured here' as origin,
        model_id,
        revision,
        -- each map of the final hidden state is an instrument of its own, as in the recorded rows
        case
            when starts_with(probe, 'proj_hidden') then 'hidden states'
            when starts_with(probe, 'proj_output') then 'output projection'
            when starts_with(probe, 'proj_wide') then 'gelu of hidden states'
            when starts_with(probe, 'proj_random') then 'random map of hidden states'
            when starts_with(probe, 'proj_ridge') then 'learned map of hidden states'
            when starts_with(probe, 'proj_pca') then 'principal components of hidden states'
            else instrument
        end as instrument,
        backend,
        probe,
        case when layer is null then 'whole model' else 'one layer' end as layers,
        layer,
        head,
        prompt_id,
        value,
        low,
        high,
        unit,
        n_prompts,
        prompts_set,
        prompts_hash,
        position,
        dtype,
        device,
        config_hash,
        versions,
        notes,
    from shards
),

unioned as (
    select * from recorded_rows
    union all by name
    select * from shard_rows
),

-- Rows are compared only within one value of measured_by; two sources that do not state their instrument never meet.
keyed as (
    select
        *,
        case
            when instrument = 'not stated' then 'instrument not stated, ' || source_id
            else instrument || '; prompts: ' || prompts_set
        end as measured_by,
    from unioned
)

select * from keyed
