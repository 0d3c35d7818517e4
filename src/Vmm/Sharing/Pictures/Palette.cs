namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>
/// The colours of pictures as 0xRRGGBB: blue and orange, which people with any kind of colour blindness tell apart, on white.
/// </summary>
/// <remarks>Source: Okabe and Ito, "Color Universal Design" (2008).</remarks>
internal static class Palette
{
    /// <summary>Private pages.</summary>
    public const int Private = 0x0072b2;

    /// <summary>Shared pages.</summary>
    public const int Shared = 0xd55e00;

    /// <summary>Cells that hold shared and other pages.</summary>
    public const int PartlyShared = 0xf0b35a;

    /// <summary>Unreported pages.</summary>
    public const int Unreported = 0xb0b0b0;

    /// <summary>The paper.</summary>
    public const int Ground = 0xffffff;
}
