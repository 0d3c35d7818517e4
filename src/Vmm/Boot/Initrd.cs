using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>The initial RAM disk: at the top of low RAM, below what the kernel can reach, above the kernel.</summary>
internal static class Initrd
{
    /// <summary>Decides where the initrd goes.</summary>
    /// <param name="source">The file.</param>
    /// <param name="layout">The machine's layout.</param>
    /// <param name="lowest">The first address that the kernel leaves free; page aligned.</param>
    /// <param name="addressMax">The highest address that its last byte may have.</param>
    /// <param name="hasSecretPage">Whether a page for a secret follows the file's last page and counts as part of the initrd.</param>
    /// <returns>The exact range; its start is page aligned.</returns>
    /// <exception cref="InvalidInputException">It is empty or does not fit.</exception>
    internal static GpaRange Place(ImageSource source, GuestLayout layout, Gpa lowest, ulong addressMax, bool hasSecretPage)
    {
        if (source.Length == 0)
        {
            throw source.Invalid("size", "the file is empty");
        }

        ulong top = GuestPage.RoundDown(Math.Min(layout.LowRam.End.Value, Math.Min(addressMax, uint.MaxValue) + 1));
        ulong room = top > lowest.Value ? top - lowest.Value : 0;
        ulong length = hasSecretPage ? GuestPage.RoundUp(source.Length) + GuestPage.Size : source.Length;
        return length <= room
            ? new GpaRange(new Gpa(GuestPage.RoundDown(top - length)), length)
            : throw source.Invalid(
                "size",
                $"{length} bytes do not fit into the {room} between the kernel's end at {lowest} and 0x{top:x}");
    }

    /// <summary>Reads the initrd into RAM, and writes zeros to the end of its last page.</summary>
    /// <param name="source">The file.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="start">Where <see cref="Place"/> put it.</param>
    /// <returns>The pages that now hold it.</returns>
    internal static GpaRange Load(ImageSource source, GuestMemory memory, Gpa start)
    {
        GpaRange range = new(start, source.Length);
        GpaRange pages = GpaRange.FromBounds(range.Start.Value, GuestPage.RoundUp(range.End.Value));
        source.CopyTo(memory, range, 0, "size");
        memory.Clear(GpaRange.FromBounds(range.End.Value, pages.End.Value));
        return pages;
    }
}
