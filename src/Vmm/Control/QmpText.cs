namespace KvmSevVmm.Vmm.Control;

/// <summary>A client's words in a message.</summary>
internal static class QmpText
{
    private const int Longest = 64;

    /// <summary>So much of a client's word as a message can hold.</summary>
    /// <param name="text">The word.</param>
    internal static string Shorten(string text) => text.Length <= Longest ? text : text[..Longest] + "…";
}
