-- one row per (origin, source_id, measured_by, probe, unit): how much of it the lake holds
with rows as (
    select * from int_probes
),

counted as (
    select
        origin,
        source_id,
        measured_by,
        instrument,
        prompts_set,
        probe,
        unit,
        count(*) as n_rows,
        count(distinct model_id) as n_models,
        count(low) as n_intervals,
        max(n_prompts) as n_prompts,
    from rows
    group by
        origin,
        source_id,
        measured_by,
        instrument,
        prompts_set,
        probe,
        unit
)

select * from counted
order by origin, source_id, measured_by, probe, unit
