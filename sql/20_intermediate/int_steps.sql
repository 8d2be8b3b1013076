-- one row per (panel, family, axis, replicate, x, y, protocols, position): the step that ends there, none at the first
-- gamma = dy / dx; undefined where |dx| < max(0.5 points, 1.96 standard errors of dx). The interval is
-- Fieller's for independent numerator and denominator. Thresholds of the phases: paper A.1.
with points as (
    select * from int_pair_points
),

stepped as (
    select
        *,
        row_number() over ladder as step_no,
        lag(models) over ladder as models_from,
        lag(position) over ladder as position_from,
        lag(n_rows) over ladder as n_rows_from,
        lag(x_pct) over ladder as x_from_pct,
        lag(y_pct) over ladder as y_from_pct,
        lag(x_se_pct) over ladder as x_se_from_pct,
        lag(y_se_pct) over ladder as y_se_from_pct,
        lag(is_population_step_end) over ladder as is_population_step_start,
    from points
    window ladder as (
        partition by panel, source_id, family, axis, replicate, x, y, x_protocol, y_protocol
        order by position
    )
),

deltas as (
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
        step_no - 1 as step_no,
        models_from,
        models as models_to,
        position_from,
        position as position_to,
        sqrt(position_from * position) as position_mid,
        n_rows_from + n_rows as n_rows,
        x_from_pct,
        x_pct as x_to_pct,
        y_from_pct,
        y_pct as y_to_pct,
        x_pct - x_from_pct as delta_x_pct,
        y_pct - y_from_pct as delta_y_pct,
        x_se_pct * x_se_pct + x_se_from_pct * x_se_from_pct as variance_x,
        y_se_pct * y_se_pct + y_se_from_pct * y_se_from_pct as variance_y,
        is_population_step_start and is_population_step_end as is_population_step,
        is_population_step_end as is_population_point,
        n_rows as n_rows_to,
        x_se_pct as x_se_to_pct,
        y_se_pct as y_se_to_pct,
    from stepped
),

ratios as (
    select
        *,
        delta_y_pct / nullif(delta_x_pct, 0) as gamma_raw,
        degrees(atan2(delta_y_pct, delta_x_pct)) as angle_deg,
        case
            when delta_x_pct = 0 or delta_y_pct = 0 then '0'
            else if(delta_x_pct > 0, '+', '-') || if(delta_y_pct > 0, '+', '-')
        end as quadrant,
        case
            when delta_x_pct is null then null
            when variance_x is null or variance_y is null then 'a score or its standard error is missing'
            when delta_x_pct = 0 then 'the first benchmark did not move'
            when abs(delta_x_pct) < 0.5 then 'the first benchmark moved less than 0.5 points'
            when abs(delta_x_pct) < 1.96 * sqrt(variance_x)
                then 'the first benchmark moved less than 1.96 standard errors'
        end as undefined_reason,
    from deltas
),

gammas as (
    select
        *,
        case when undefined_reason is null then gamma_raw end as gamma,
        case
            when undefined_reason is null
                then sqrt(variance_y + gamma_raw * gamma_raw * variance_x) / abs(delta_x_pct)
        end as gamma_se,
        delta_x_pct * delta_x_pct - 1.959963984540054 * 1.959963984540054 * variance_x as fieller_a,
        delta_x_pct * delta_y_pct as fieller_b,
        delta_y_pct * delta_y_pct - 1.959963984540054 * 1.959963984540054 * variance_y as fieller_c,
    from ratios
),

intervals as (
    select
        * exclude (fieller_a, fieller_b, fieller_c),
        case
            when gamma is not null and fieller_a > 0
                then (fieller_b - sqrt(greatest(fieller_b * fieller_b - fieller_a * fieller_c, 0))) / fieller_a
        end as gamma_low,
        case
            when gamma is not null and fieller_a > 0
                then (fieller_b + sqrt(greatest(fieller_b * fieller_b - fieller_a * fieller_c, 0))) / fieller_a
        end as gamma_high,
    from gammas
),

labelled as (
    select
        *,
        case
            when gamma_raw is null then 'none'
            when gamma_raw < -0.1 then 'tax'
            when gamma_raw <= 0.1 then 'transition'
            else 'bonus'
        end as phase_paper,
        case
            when gamma is null then 'none'
            when gamma_high < -0.1 then 'tax'
            when gamma_low > 0.1 then 'bonus'
            when gamma_low >= -0.1 and gamma_high <= 0.1 then 'transition'
            else 'undetermined'
        end as phase,
    from intervals
)

select * from labelled
