-- offenders: probe outputs of a layer or head that their model does not have
with rows as (
    select * from int_probes
),

models as (
    select * from int_models
)

select
    rows.source_id || '/' || rows.source_file || ', row ' || rows.file_row as place,
    rows.model_id || ' has ' || coalesce(models.n_layers::varchar, 'unknown') || ' layers and '
    || coalesce(models.n_heads::varchar, 'unknown') || ' heads; the row is of layer '
    || coalesce(rows.layer::varchar, 'none') || ', head ' || coalesce(rows.head::varchar, 'none') as description,
from rows
left join models
    on rows.model_id = models.model_id
where
    rows.layer < 0
    or rows.layer > models.n_layers
    or rows.head < 0
    or rows.head >= models.n_heads
order by place
