-- one row per number of a probe of a model of the organism, with its recipe, seed and size
with probes as (
    select * from int_probes
    where
        source_id = 'organism-probes'
        and prompt_id is null
),

models as (
    select distinct
        family,
        training_recipe as recipe,
        replicate,
        position,
        model_id,
        d_model,
        n_layers,
    from int_pairs
    where
        panel = 'organism'
        and x = 'organism_reasoning'
        and y = 'organism_truth'
),

registry as (
    select
        model_id,
        n_heads,
    from int_models
),

joined as (
    select
        models.family,
        models.recipe,
        models.replicate,
        models.position,
        models.model_id,
        models.d_model,
        models.n_layers,
        registry.n_heads,
        probes.instrument,
        probes.backend,
        probes.prompts_set,
        probes.n_prompts,
        probes.probe,
        probes.layer,
        probes.head,
        probes.value,
        probes.low,
        probes.high,
        probes.unit,
        probes.notes,
    from probes
    inner join models
        on probes.model_id = models.model_id
    inner join registry
        on probes.model_id = registry.model_id
)

select * from joined
order by family, replicate, position, model_id, instrument, probe, layer, head
