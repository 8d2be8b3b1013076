-- one row per (panel, family, axis, replicate, x, y, protocols, position): the step that ends there, none at the first
-- gamma = dy / dx; undefined where |dx| < max(0.5 points, 1.96 standard errors of dx). The interval is
-- Fieller's for independent numerator and denominator: two benchmarks share no item. Thresholds: paper A.1.
-- Where both rows of a step have the same items, their paired variance replaces the sum of the two scores' variances.
with points as (
    select * from int_pair_points
),

item_errors as (
    select * from int_item_errors
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
        lag(x_row) over ladder as x_row_from,
        lag(y_row) over ladder as y_row_from,
    from points
    window ladder as (
        partition by panel, source_id, family, axis, replicate, x, y, x_protocol, y_protocol
        order by position
    )
),

deltas as (
    select
        stepped.panel,
        stepped.source_id,
        stepped.family,
        stepped.axis,
        stepped.replicate,
        stepped.x,
        stepped.y,
        stepped.x_protocol,
        stepped.y_protocol,
        stepped.step_no - 1 as step_no,
        stepped.models_from,
        stepped.models as models_to,
        stepped.position_from,
        stepped.position as position_to,
        sqrt(stepped.position_from * stepped.position) as position_mid,
        stepped.n_rows_from + stepped.n_rows as n_rows,
        stepped.x_from_pct,
        stepped.x_pct as x_to_pct,
        stepped.y_from_pct,
        stepped.y_pct as y_to_pct,
        stepped.x_pct - stepped.x_from_pct as delta_x_pct,
        stepped.y_pct - stepped.y_from_pct as delta_y_pct,
        coalesce(x_items.paired_variance, stepped.x_se_pct ** 2 + stepped.x_se_from_pct ** 2) as variance_x,
        coalesce(y_items.paired_variance, stepped.y_se_pct ** 2 + stepped.y_se_from_pct ** 2) as variance_y,
        stepped.x_se_pct ** 2 + stepped.x_se_from_pct ** 2 as variance_x_unpaired,
        stepped.y_se_pct ** 2 + stepped.y_se_from_pct ** 2 as variance_y_unpaired,
        if(x_items.paired_variance is null, 'scores', 'paired items') as x_stderr_method,
        if(y_items.paired_variance is null, 'scores', 'paired items') as y_stderr_method,
        x_items.n_common as x_n_items,
        y_items.n_common as y_n_items,
        stepped.is_population_step_start and stepped.is_population_step_end as is_population_step,
        stepped.is_population_step_end as is_population_point,
        stepped.n_rows as n_rows_to,
        stepped.x_se_pct as x_se_to_pct,
        stepped.y_se_pct as y_se_to_pct,
    from stepped
    left join item_errors as x_items
        on
            stepped.source_id = x_items.source_id
            and stepped.x_row_from = x_items.row_from
            and stepped.x_row = x_items.row_to
    left join item_errors as y_items
        on
            stepped.source_id = y_items.source_id
            and stepped.y_row_from = y_items.row_from
            and stepped.y_row = y_items.row_to
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
