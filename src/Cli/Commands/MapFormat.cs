namespace KvmSevVmm.Cli.Commands;

/// <summary>The forms that <c>map show</c> writes.</summary>
internal enum MapFormat
{
    /// <summary>For people, 80 columns.</summary>
    Table = 0,

    /// <summary>The canonical form.</summary>
    Json = 1,

    /// <summary>Comma-separated values.</summary>
    Csv = 2,

    /// <summary>Two bits a page, and a header beside it.</summary>
    Bitmap = 3,

    /// <summary>Strips of half blocks, totals and labels, for a terminal of 80 columns.</summary>
    Picture = 4,

    /// <summary>Strips as a vector image.</summary>
    Svg = 5,

    /// <summary>Strips as a pixel image.</summary>
    Png = 6,

    /// <summary>One page for a browser.</summary>
    Html = 7,
}
