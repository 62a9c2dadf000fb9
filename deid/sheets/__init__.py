"""Large workbooks: found, judged, masked and checked by the column.

Where a line belongs, in the order in which a workbook goes through them:

    markup      bytes of XML: numbers, entities, what is well formed
    strings     the shared strings as arrays
    cells       rows cut into windows of arrays, by all their tags
    evenrows    the same for rows that a program wrote, by one byte of each cell
    formulas    formulas taken out of the tags of a window
    reading     workbooks and sheets opened for all this; the texts around the rows
    spelled     texts spelled as numbers (openpyxl), spelled out before they are judged
    judging     a cell's text -> the number of its verdict
    hidden      the values that were hidden, and where one still stands
    splitids    ID numbers written over cells side by side
    namesakes   whose a minor's name is in another row
    passes      rows told plain or not, each cell given its verdict, all counted
    splices     stretches of bytes replaced, and the proof that nothing else changed
    writing     verdicts -> splices -> the bytes of the output
    written     where the cells of a written window stand
    checking    the output, opened afresh
    run         all of it in order, and when there is a second pass
"""
