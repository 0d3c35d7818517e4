using System.Globalization;
using System.Text;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// A secret as files: an archive of cpio's <c>newc</c> form, which Linux unpacks into its initramfs when it lies behind the initrd; padded
/// with zeros to a multiple of 16. The same files give the same bytes.
/// </summary>
/// <remarks>Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.</remarks>
public static class SecretArchive
{
    private const string Magic = "070701";
    private const string TrailerName = "TRAILER!!!";
    private const int Alignment = 4;
    private const int Granule = 16;
    private const uint FileMode = 0x8000 | 0x100; // S_IFREG, 0400: root alone reads it.
    private const uint DirectoryMode = 0x4000 | 0x1ED; // S_IFDIR, 0755: a directory that is there already gets this mode too.

    /// <summary>Writes an archive.</summary>
    /// <param name="files">The files, in the order in which they shall be unpacked.</param>
    /// <returns>The archive, a multiple of 16 bytes.</returns>
    /// <exception cref="SevFormatException">A name cannot be a file's, or stands there twice.</exception>
    public static byte[] ToBytes(IReadOnlyList<SecretFile> files)
    {
        using MemoryStream archive = new();
        HashSet<string> seen = new(StringComparer.Ordinal);
        HashSet<string> directories = new(StringComparer.Ordinal);
        uint inode = 1;
        foreach (SecretFile file in files)
        {
            string name = Normalize(file.Name);
            if (!seen.Add(name) || directories.Contains(name))
            {
                throw new SevFormatException("secret", "file name", $"\"{file.Name}\" stands there twice");
            }

            for (int slash = name.IndexOf('/', StringComparison.Ordinal); slash >= 0; slash = name.IndexOf('/', slash + 1))
            {
                string directory = name[..slash];
                if (seen.Contains(directory))
                {
                    throw new SevFormatException("secret", "file name", $"\"{directory}\" is a file and a directory");
                }

                if (directories.Add(directory))
                {
                    WriteEntry(archive, directory, inode++, DirectoryMode, []);
                }
            }

            WriteEntry(archive, name, inode++, FileMode, file.Content.Span);
        }

        WriteEntry(archive, TrailerName, 0, 0, []);
        Pad(archive, Granule);
        return archive.ToArray();
    }

    private static string Normalize(string name)
    {
        string trimmed = name.TrimStart('/');
        bool isBad = trimmed.Length == 0
            || trimmed == TrailerName
            || trimmed.Any(char.IsControl)
            || trimmed.Split('/').Any(static part => part is "" or "." or "..");
        return isBad
            ? throw new SevFormatException("secret", "file name", $"\"{name}\" is no path of a file below the guest's root")
            : trimmed;
    }

    private static void WriteEntry(MemoryStream archive, string name, uint inode, uint mode, ReadOnlySpan<byte> content)
    {
        byte[] nameBytes = [.. Encoding.UTF8.GetBytes(name), 0];
        uint links = (mode & DirectoryMode) == DirectoryMode ? 2U : 1U;

        // inode, mode, uid, gid, links, mtime, size, device and its minor, special device and its minor, length of the name, checksum.
        uint[] fields = [inode, mode, 0, 0, links, 0, (uint)content.Length, 0, 0, 0, 0, (uint)nameBytes.Length, 0];
        StringBuilder head = new(Magic);
        foreach (uint field in fields)
        {
            head.Append(field.ToString("X8", CultureInfo.InvariantCulture));
        }

        archive.Write(Encoding.ASCII.GetBytes(head.ToString()));
        archive.Write(nameBytes);
        Pad(archive, Alignment);
        archive.Write(content);
        Pad(archive, Alignment);
    }

    private static void Pad(MemoryStream archive, int alignment)
    {
        while (archive.Length % alignment != 0)
        {
            archive.WriteByte(0);
        }
    }
}
