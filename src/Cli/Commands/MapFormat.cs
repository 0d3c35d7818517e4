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
}
