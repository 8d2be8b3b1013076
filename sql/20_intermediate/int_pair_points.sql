-- one row per (panel, family, axis, replicate, position, x, y, protocols): models of equal size averaged
with pairs as (
    select * from int_pairs
),

averaged as (
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
        position,
        string_agg(distinct model_id, ' + ' order by model_id) as models,
        count(*) as n_rows,
        avg(x_pct) as x_pct,
        avg(y_pct) as y_pct,
        case when count(x_se_pct) = count(*) then sqrt(avg(x_se_pct * x_se_pct)) end as x_se_pct,
        case when count(y_se_pct) = count(*) then sqrt(avg(y_se_pct * y_se_pct)) end as y_se_pct,
        bool_and(is_population_model) as is_population_step_end,
        case when count(*) = 1 then min(x_file_row) end as x_row,
        case when count(*) = 1 then min(y_file_row) end as y_row,
    from pairs
    where position is not null
    group by all
)

select * from averaged
