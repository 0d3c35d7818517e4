using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>A file that is loaded into a guest: read straight to where its bytes belong, never as a whole into the managed heap.</summary>
public abstract class ImageSource : IDisposable
{
    // A span cannot be longer than 2^31 - 1 bytes, and one read of this size costs no more than many small ones.
    private const int CopyChunk = 16 << 20;

    /// <summary>Makes the source.</summary>
    /// <param name="name">The file as the user wrote it.</param>
    /// <param name="length">Its size in bytes.</param>
    private protected ImageSource(string name, ulong length)
    {
        Name = name;
        Length = length;
    }

    /// <summary>The file as the user wrote it, for messages.</summary>
    public string Name { get; }

    /// <summary>Bytes in the file when it was opened.</summary>
    public ulong Length { get; }

    /// <summary>Opens a regular file. A pipe, device or directory is refused before it is opened, so that nothing can hang.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidInputException">It is not a regular file.</exception>
    /// <exception cref="FileNotFoundException">It does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="IOException">It cannot be opened for another reason.</exception>
    public static ImageSource Open(string path) => FileImageSource.OpenFile(path);

    /// <summary>Takes bytes that are in memory already.</summary>
    /// <param name="name">What to call them in messages.</param>
    /// <param name="content">The bytes.</param>
    public static ImageSource FromMemory(string name, ReadOnlyMemory<byte> content) => new MemoryImageSource(name, content);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Reads up to <paramref name="destination"/>'s length; 0 means the end.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="offset">Bytes from the start of the file.</param>
    private protected abstract int Read(Span<byte> destination, ulong offset);

    /// <summary>Fills <paramref name="destination"/>.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="offset">Bytes from the start of the file.</param>
    /// <param name="field">What is being read, for the message.</param>
    /// <exception cref="InvalidInputException">The file ends before that.</exception>
    internal void ReadExactly(Span<byte> destination, ulong offset, string field)
    {
        CheckInside(offset, (ulong)destination.Length, field);
        while (!destination.IsEmpty)
        {
            int count = Read(destination, offset);
            if (count <= 0)
            {
                throw Invalid(field, $"the file ended at byte {offset} while it was read; it had {Length} bytes when it was opened");
            }

            destination = destination[count..];
            offset += (ulong)count;
        }
    }

    /// <summary>Reads a part of the file into RAM.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="destination">Where to; must be RAM.</param>
    /// <param name="offset">Bytes from the start of the file.</param>
    /// <param name="field">What is being read, for the message.</param>
    /// <exception cref="InvalidInputException">The file ends before that.</exception>
    internal void CopyTo(GuestMemory memory, GpaRange destination, ulong offset, string field)
    {
        CheckInside(offset, destination.Length, field);
        for (ulong done = 0; done < destination.Length;)
        {
            int length = (int)Math.Min(CopyChunk, destination.Length - done);
            ReadExactly(memory.GetSpan(destination.Start + done, length), offset + done, field);
            done += (ulong)length;
        }
    }

    /// <summary>The error for a file that is not what it must be.</summary>
    /// <param name="field">The field at fault.</param>
    /// <param name="problem">What is wrong with it.</param>
    internal InvalidInputException Invalid(string field, string problem) => new(Name, field, problem);

    private void CheckInside(ulong offset, ulong length, string field)
    {
        if (length > Length || offset > Length - length)
        {
            throw Invalid(field, $"the file ends at byte {Length}, but this is 0x{length:x} bytes at 0x{offset:x}");
        }
    }
}
