-- one row per (panel, family, axis, replicate, x, y, protocols, position): the phase of the incoming interval
-- The first size of a family has no incoming interval: it takes its outgoing one and is flagged. A family of
-- one size has none.
with steps as (
    select * from int_steps
),

with_next as (
    select
        *,
        lead(position_to) over ladder as position_next,
        lead(phase) over ladder as phase_next,
        lead(phase_paper) over ladder as phase_paper_next,
        lead(gamma) over ladder as gamma_next,
        lead(gamma_se) over ladder as gamma_se_next,
        lead(gamma_raw) over ladder as gamma_raw_next,
        lead(undefined_reason) over ladder as undefined_reason_next,
    from steps
    window ladder as (
        partition by panel, source_id, family, axis, replicate, x, y, x_protocol, y_protocol
        order by position_to
    )
),

phases as (
    select
        panel,
        source_id,
        family,
        axis,
        replicate,
        x,
        y,
        x_protocol,
        y_protocol,
        position_to as position,
        models_to as models,
        n_rows_to as n_rows,
        x_to_pct as x_pct,
        y_to_pct as y_pct,
        x_se_to_pct as x_se_pct,
        y_se_to_pct as y_se_pct,
        is_population_point,
        position_from is null and position_next is not null as is_outgoing_phase,
        case when position_from is null then coalesce(phase_paper_next, 'none') else phase_paper end as phase_paper,
        case when position_from is null then coalesce(phase_next, 'none') else phase end as phase,
        if(position_from is null, gamma_next, gamma) as gamma,
        if(position_from is null, gamma_se_next, gamma_se) as gamma_se,
        if(position_from is null, gamma_raw_next, gamma_raw) as gamma_raw,
        case
            when position_from is null and position_next is null then 'only one size in the family'
            else if(position_from is null, undefined_reason_next, undefined_reason)
        end as undefined_reason,
    from with_next
)

select * from phases
