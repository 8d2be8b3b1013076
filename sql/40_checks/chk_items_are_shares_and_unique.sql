-- offenders: item values outside 0 to 1, items without a name and items delivered twice
with item_scores as (
    select * from int_item_scores
)

select
    source_id || '/items' as place,
    concat_ws(' ', model_id, benchmark, variant) || ': ' || case
        when n_outside > 0 then n_outside || ' values are missing or outside 0 to 1'
        when n_unnamed > 0 then n_unnamed || ' items have no item_id'
        else (n_rows - n_items) || ' items are delivered twice'
    end as description,
from item_scores
where n_outside > 0 or n_unnamed > 0 or n_rows != n_items
order by place, description
